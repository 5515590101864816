"""Each part of the installation asked for real, every answer with its remedy. ``manage.py flex_doctor`` prints them."""
