"""Write the golden transcripts of the stories: ``python -m tests.scenarios``."""

from tests.scenarios.stories import GOLDEN, STORIES

GOLDEN.mkdir(exist_ok=True)
for name, story in STORIES.items():
    (GOLDEN / f"{name}.txt").write_text(f"{story().transcript()}\n", encoding="utf-8")
print(f"wrote {len(STORIES)} transcripts to {GOLDEN}")
