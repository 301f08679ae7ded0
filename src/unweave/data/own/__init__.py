"""The user's own data: folders of pictures, arrays, tables, and objects in memory."""
