"""How fast rhi is, beside other BGP speakers on the same machine in the same run.

    __main__ --> runner --> experiments/   what is measured, one file each
                    |           |
                    |           +--> adapters/   one speaker each, driven in its own best way
                    |           +--> sink        a process that receives, counts and time-stamps
                    +--> results (JSON) --> report (Markdown) --> docs/performance.md

All times are CLOCK_MONOTONIC, which all processes of a machine share. `make bench` runs it.
"""
