# The workflow as it is committed, and all that it runs on at the versions of constraints.txt;
# README.md says how it is used. thinkscale.def is the same for Apptainer.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git=1:2.39.* \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system --add safe.directory /opt/thinkscale
COPY .git /opt/thinkscale/.git
RUN git -C /opt/thinkscale reset --hard --quiet \
    && pip install --no-cache-dir --constraint /opt/thinkscale/constraints.txt \
       --editable '/opt/thinkscale[train,quantized]'

# Whoever runs it may have no home here, and libraries keep what they compile and fetch there.
ENV HOME=/tmp
WORKDIR /study
ENTRYPOINT ["snakemake", "--snakefile", "/opt/thinkscale/Snakefile"]
CMD ["--help"]
