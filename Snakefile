# The entry point; the workflow itself is in workflow/.
include: "workflow/Snakefile"


# An included file cannot set the default target, so the entry asks for `all` by this name.
rule study:
    default_target: True
    input:
        rules.all.input,
