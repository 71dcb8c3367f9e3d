// A shop's page on an origin of its own, with a policy that allows the widget and nothing else.

import http from "node:http";

/**
 * What the widget needs of a page's policy. Markup from strings is refused by the browser itself.
 * @param {string} chat  The chat server's origin.
 */
export function policy(chat, { pictures = "", scripts = "" } = {}) {
  const trust = ["require-trusted-types-for 'script'", "trusted-types 'none'"];
  return [
    "default-src 'none'",
    `script-src ${chat}`,
    "style-src 'self'",
    `connect-src ${chat}`,
    `img-src 'self' ${pictures}`,
    "base-uri 'none'",
    ...(scripts ? [] : trust),
  ].join("; ");
}

/**
 * Serves pages of a shop. What is in the query decides how one is: `tag` is the script tag's
 * attributes, `dir` and `lang` the page's, `pictures` what `img-src` allows besides, and with
 * `scripts` the page's own code may make tags.
 */
export async function shop(chat) {
  const server = http.createServer((request, response) => {
    const { searchParams } = new URL(request.url, "http://shop");
    const ask = (name, other) => searchParams.get(name) ?? other;
    response.writeHead(200, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy(chat, { pictures: ask("pictures", ""), scripts: ask("scripts", "") }),
      "cross-origin-embedder-policy": "require-corp",
    });
    response.end(`<!doctype html>
<html lang="${ask("lang", "en")}" dir="${ask("dir", "ltr")}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>A shop</title>
<main><h1>Teapots</h1><p><a id="first" href="#first">A link of the shop</a></p><p>Pots, cups and what goes with them.</p></main>
<script ${ask("kind", 'type="module"')} src="${chat}/widget.js" ${ask("tag", "")}></script>
</html>`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://localhost:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  /** The address of a page like this. */
  const page = (about) => `${origin}/?${new URLSearchParams(about)}`;
  return { origin, page, close };
}
