"""Sources that are no folders: websites, wikis and document clouds, as the operator lists them."""
