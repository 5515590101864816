"""The REST API: a thin layer over ``outbox`` and ``contacts``. Only this package imports Django REST framework."""
