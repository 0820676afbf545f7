"""What `import r2u_rec` offers."""
