"""What opens a kind of file: pictures, arrays, cells of tables, archives; nothing is ever unpickled."""
