"""What a study has of tables and figures, each at its place in the report."""

# What the study asks for, in the order of the rules that make it; these register it themselves.
TABLES, FIGURES = [], []
# The same by name, each with its place in the report.
SHOWN = []
# Places in the report, in the order of a study's questions; others come behind them.
CATEGORIES = """Registration, Sweeps, Allocation, Samples, Strategies, Models, Training,
    Power, Readout, Grading, Items, Corpus and items, Compute"""
CATEGORIES = [name.strip() for name in CATEGORIES.split(",")]


def at_place(path, category, title, caption):
    """A result at its place in Snakemake's own report, which sorts categories by their names."""
    if category not in CATEGORIES:
        CATEGORIES.append(category)
    return report(
        path,
        caption=f"../report/{caption}.rst",
        category=f"{CATEGORIES.index(category) + 1:02d} {category}",
        labels={"result": title},
    )


def noted(kind, name, category, title, caption):
    """What the report shows; a caption that is the same for all tables says nothing of one."""
    own = {"kind": kind, "name": name, "category": category, "title": title}
    SHOWN.append({**own, "caption": "" if caption == "table" else caption})


def in_order(shown):
    """What is shown, in the order of the categories."""
    return sorted(shown, key=lambda one: CATEGORIES.index(one["category"]))


def shown_table(name, category, title, *, caption="table", when=True, path=None):
    """A table of the study (`when` it has one), at its place in the report."""
    placed = at_place(path or table(name), category, f"table: {title}", caption)
    if when:
        TABLES.append(table(name))
        noted("table", name, category, title, caption)
    return placed


def tabulated(name, *shown, **how):
    """The same as the output of a rule that is made of `tabulate`, whose wildcard is the name."""
    return shown_table(name, *shown, **how, path=table(f"{{name,{name}}}"))


def drawn(name, category, title, when=True):
    """A figure of the study (`when` it has one), as SVG at its place in the report and as PNG."""
    made = figure(f"{{name,{name}}}")
    made["svg"] = at_place(made["svg"], category, f"figure: {title}", name)
    if when:
        FIGURES.extend(figure(name).values())
        noted("figure", name, category, title, name)
    return made


def analysis_code(wildcards):
    return code("data", "stats/core", f"stats/{wildcards.name}")


def figure_code(wildcards):
    return code("data", "figures/core", f"figures/{wildcards.name}")
