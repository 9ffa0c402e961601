// One event to all for each line on the standard input, by Socket.IO as its manual says.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { fill, listening, now, onLine } from "./standard.js";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => listening(http.address().port));
onLine(() => io.emit("frame", { at: now(), fill }));
