"""Write the golden files of today's schema, and its grammar into the documentation.

``python -m tests.wire``; never when that schema was released.
"""

from zlib import decompress

from sequencectl.serialization import SCHEMA, dump_project
from tests.bench.page import write_table
from tests.wire.documents import GOLDEN, chosen, compact_documents
from tests.wire.grammar_page import PAGE, grammar

folder = GOLDEN / f"schema-{SCHEMA}"
folder.mkdir(parents=True, exist_ok=True)
for name, document in chosen().items():
    (folder / f"{name}.json").write_bytes(document.dump(document.value, schema=SCHEMA))
for name, state in compact_documents().items():
    path, data = folder / f"{name}.zlib", dump_project(state, compact=True)
    if not path.exists() or decompress(path.read_bytes()) != decompress(data):
        path.write_bytes(data)  # another zlib may write other bytes that say the same
(folder / "grammar.txt").write_text(f"{grammar()}\n", encoding="utf-8")
print(f"wrote {len(chosen())} files to {folder}")
write_table("grammar", grammar(), PAGE)
