# Two stages: the first compiles the WebAssembly kernel with the development dependencies; the last has the program, its
# production dependencies and that kernel, and nothing that is not run.
#
#   docker build -t remessa .
#   docker run --init --read-only --tmpfs /tmp -v remessa:/data remessa                       # the daemon, embedded stores
#   docker run --init --read-only --tmpfs /tmp -e REMESSA_DRIVER=aws … remessa serve --roles picker
#
# The root file system is never written to: /tmp holds the sign of life, /data the embedded driver's folder. The version of
# Node is the one that package.json pins for development; test/deploy/image.test.ts keeps the two together.

FROM node:26.9.0-bookworm-slim AS kernel
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY src ./src
COPY scripts/build-kernel.ts ./scripts/build-kernel.ts
RUN node scripts/build-kernel.ts

FROM node:26.9.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force
COPY bin ./bin
COPY src ./src
COPY --from=kernel /build/src/kernel/wasm/build ./src/kernel/wasm/build
# Owned by root, read by everyone: the process cannot change what it runs. A volume takes its owner and mode from here.
RUN mkdir /data && chown node:node /data && chmod 700 /data && chmod 1777 /tmp
VOLUME ["/tmp", "/data"]
# Inside a container, what reaches the API is decided by what is published of it.
ENV REMESSA_DATA_DIR=/data REMESSA_HTTP_HOST=0.0.0.0
USER node
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["node", "bin/alive.js", "/tmp/remessa.alive", "30"]
# Node itself is the process that is told to end: the program listens for SIGTERM and drains. `--init` (ECS: initProcessEnabled)
# adds what also ends it in its first moments, before it listens.
ENTRYPOINT ["node", "bin/remessa.js"]
CMD ["serve", "--alive-file", "/tmp/remessa.alive"]
