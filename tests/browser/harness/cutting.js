// A line to servers that may be cut now and then, in the middle of anything.

import net from "node:net";

/**
 * Passes bytes on to a server, and cuts each connection after a random number of them; never while
 * `steady` is set.
 * @param {() => number} port  Of which server, asked for each connection.
 */
export async function cutting(port, { mean = 2000 } = {}) {
  const line = { cuts: 0, steady: false };
  const open = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(port(), "127.0.0.1");
    open.add(near);
    let left = -Math.log(Math.random()) * mean;
    const end = () => {
      open.delete(near);
      near.destroy();
      far.destroy();
    };
    far.on("data", (bytes) => {
      left -= bytes.length;
      if (left > 0 || line.steady) return near.write(bytes);
      line.cuts++;
      near.write(bytes.subarray(0, bytes.length + Math.ceil(left)));
      near.resetAndDestroy();
      end();
    });
    near.on("data", (bytes) => far.write(bytes));
    for (const side of [near, far]) side.on("error", end).on("close", end);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  line.origin = `http://127.0.0.1:${server.address().port}`;
  line.close = () => {
    for (const near of open) near.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  return line;
}
