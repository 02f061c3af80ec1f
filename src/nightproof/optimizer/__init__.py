"""What a scene is like, and which pipeline suits it: `SceneAnalyzer` and `OptimizationRouter`.

features/   four families of measured facts: geometric, material, lighting, dynamic
scores.py   three numbers in [0, 1] made of them (docs/reference/scores.md)
evidence.py what kind of scene it is; surroundings.py what should light it; hints/ what its author should know
analyzer.py puts these into one `Analysis`
router.py   the decision matrix; outcomes.py what it learns from past jobs
inspection.py the page `nightproof inspect` shows; words.py how sentences say numbers
loose_json.py reads of a file what nothing was drawn from
"""
