"""Write the golden files of today's schema: ``python -m tests.wire``; never of a released one."""

from sequencectl.serialization import SCHEMA
from tests.wire.documents import GOLDEN, chosen

folder = GOLDEN / f"schema-{SCHEMA}"
folder.mkdir(parents=True, exist_ok=True)
for name, document in chosen().items():
    (folder / f"{name}.json").write_bytes(document.dump(document.value, schema=SCHEMA))
print(f"wrote {len(chosen())} files to {folder}")
