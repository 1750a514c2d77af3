// A chat server that asks its clients whether they are still there, keeps names in small letters, and says its errors in words.
//
//     node pinger.js [PORT] [IDLE_SECONDS]
const net = require('net');
const readline = require('readline');

const PORT = Number(process.argv[2] || 4000);
const IDLE = Number(process.argv[3] || 60) * 1000;
const users = new Map();

const send = (socket, text) => { if (socket.writable) socket.write(text + '\n'); };
const broadcast = (text, except) => users.forEach((socket) => { if (socket !== except) send(socket, text); });

function handle(socket, line) {
  const [word, ...args] = line.trim().split(/\s+/);
  switch (word.toLowerCase()) {
    case 'login': {
      if (socket.username) return send(socket, 'ERR already logged in');
      const name = (args[0] || '').toLowerCase();
      if (!/^[^\s|]{1,40}$/.test(name)) return send(socket, 'ERR invalid username');
      if (users.has(name)) return send(socket, 'ERR username taken');
      socket.username = name;
      users.set(name, socket);
      return send(socket, 'OK');
    }
    case 'pong':
      return undefined;
    default:
  }
  if (!socket.username) return send(socket, 'ERR must login first');
  switch (word.toLowerCase()) {
    case 'msg': {
      const text = line.trim().slice(4);
      if (!text.trim()) return send(socket, 'ERR empty message');
      return broadcast(`MSG ${socket.username} ${text}`, socket);
    }
    case 'who':
      return users.forEach((_, name) => send(socket, `USER ${name}`));
    case 'dm': {
      const to = (args[0] || '').toLowerCase();
      if (args.length < 2) return send(socket, 'ERR invalid dm format');
      if (!users.has(to)) return send(socket, 'ERR user not found');
      return send(users.get(to), `DM ${socket.username} ${args.slice(1).join(' ')}`);
    }
    case 'ping':
      return send(socket, 'PONG');
    default:
      return send(socket, 'ERR unknown command');
  }
}

const server = net.createServer((socket) => {
  let last = Date.now();
  const lines = readline.createInterface({ input: socket });
  lines.on('line', (line) => { last = Date.now(); if (line !== '') handle(socket, line); });
  lines.on('error', () => {});
  const timer = setInterval(() => {
    if (Date.now() - last > IDLE) {
      send(socket, 'INFO idle-timeout');
      socket.end();
    } else {
      send(socket, 'PING');
    }
  }, 1000);
  socket.on('error', () => {});
  socket.on('close', () => {
    clearInterval(timer);
    if (socket.username) {
      users.delete(socket.username);
      broadcast(`INFO ${socket.username} disconnected`);
    }
  });
});
server.listen(PORT, '127.0.0.1', () => console.log('pinger: port', server.address().port));
