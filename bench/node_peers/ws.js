// One message to all for each line on the standard input, by `ws` as its manual says.
import { WebSocketServer } from "ws";
import { fill, listening, now, onLine } from "./standard.js";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false, backlog: 4096 });
server.on("listening", () => listening(server.address().port));
onLine(() => {
  const message = JSON.stringify({ at: now(), fill });
  for (const client of server.clients) client.send(message);
});
