"""Results on disk, as a table, and as one self-contained page. No number about forgetting without its retrained reference.

`r2u_rec.report.page` draws (matplotlib, Jinja2); it is not imported here, so that reading results stays light.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
