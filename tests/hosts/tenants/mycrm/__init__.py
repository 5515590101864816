"""Parts of a project with tenants, as docs/hosts/tenants.md shows them."""
