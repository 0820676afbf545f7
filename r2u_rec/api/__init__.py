"""What `import r2u_rec as r2u` offers: recommenders that are trained, asked, made to forget, measured and kept."""
