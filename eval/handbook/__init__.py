"""The sample company, Nordlys Kitchen: invented documents, and cases about them."""
