"""The study's figures: frames in, one matplotlib Figure out, nothing written.

One module a figure, named as the figure's file. Its `draw` takes the frames it shows, named as
their files are, and `look`, which is a study's style, models and confidence:

    from thinkscale.figures import accuracy_vs_budget
    from thinkscale.figures.core.style import Look, Style, save

    look = Look(Style(**config_section), models, confidence=0.95)
    save(accuracy_vs_budget.draw(accuracy=accuracy, look=look), "accuracy_vs_budget.svg")

An empty frame gives a figure that says what is missing. `core` holds what figures share. Nothing is
imported here, so that one figure loads no other.
"""
