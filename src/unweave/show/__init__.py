"""What people look at: pictures, pages, the explorer, codes and models in files."""
