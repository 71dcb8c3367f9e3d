# docker build -t parlor . && docker run -p 127.0.0.1:8080:8080 -v parlor:/data parlor
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# What was compiled stays in the builder's cache: after an edit only Parlor itself is compiled again.
# librdkafka needs gcc, g++ and make, OpenSSL (`tls`) perl too; all are in this image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --features tls,s3,jemalloc \
    && cp target/dist/parlor /usr/local/bin/parlor

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home /data --create-home parlor
COPY --from=build /usr/local/bin/parlor /usr/local/bin/parlor
# By number, so that Kubernetes can see that it is not root.
USER 10001
VOLUME /data
EXPOSE 8080
ENV PARLOR_DATA_DIR=/data PARLOR_LISTEN=0.0.0.0:8080
STOPSIGNAL SIGTERM
CMD ["parlor", "serve"]
