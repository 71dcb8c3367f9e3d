# docker build -t parlor . && docker run -p 8080:8080 -v parlor:/data parlor
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN useradd --system --home /data --create-home parlor
COPY --from=build /src/target/release/parlor /usr/local/bin/parlor
USER parlor
VOLUME /data
EXPOSE 8080
ENV PARLOR_DATA_DIR=/data PARLOR_LISTEN=0.0.0.0:8080
STOPSIGNAL SIGTERM
CMD ["parlor", "serve"]
