"""`python -m unweave` is the same as `unweave`."""

from unweave.face.cli.app import main

raise SystemExit(main())
