"""The dashboard at `/`, what it shows, and the routes that it reads. `routes.add_dashboard` adds it to an app."""
