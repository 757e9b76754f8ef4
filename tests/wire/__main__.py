"""Write the golden files of today's schema, and its grammar into the documentation.

``python -m tests.wire``; never when that schema was released.
"""

from sequencectl.serialization import SCHEMA
from tests.bench.page import write_table
from tests.wire.documents import GOLDEN, chosen
from tests.wire.grammar_page import PAGE, grammar

folder = GOLDEN / f"schema-{SCHEMA}"
folder.mkdir(parents=True, exist_ok=True)
for name, document in chosen().items():
    (folder / f"{name}.json").write_bytes(document.dump(document.value, schema=SCHEMA))
(folder / "grammar.txt").write_text(f"{grammar()}\n", encoding="utf-8")
print(f"wrote {len(chosen())} files to {folder}")
write_table("grammar", grammar(), PAGE)
