// A chat server that welcomes whoever logs in, tells the others, and lists everybody in one line.
//
//     node lobby.js [PORT] [IDLE_SECONDS]

const net = require('net');

const port = Number(process.argv[2] || 4000);
const idleSeconds = Number(process.argv[3] || 60);
const users = new Map(); // name -> socket

function send(socket, text) {
  if (socket.writable) {
    socket.write(text + '\n');
  }
}

function broadcast(text, except) {
  for (const socket of users.values()) {
    if (socket !== except) {
      send(socket, text);
    }
  }
}

function login(socket, name) {
  if (!/^[A-Za-z0-9_]{1,24}$/.test(name)) {
    send(socket, 'ERR invalid-username');
  } else if (users.has(name)) {
    send(socket, 'ERR username-taken');
  } else {
    socket.username = name;
    users.set(name, socket);
    send(socket, `OK Welcome, ${name}!`);
    broadcast(`INFO ${name} joined`, socket);
  }
}

function directMessage(socket, rest) {
  const match = /^(\S+) (.+)$/s.exec(rest);
  if (!match) {
    send(socket, 'ERR invalid-dm-format');
  } else if (!users.has(match[1])) {
    send(socket, 'ERR user-not-found');
  } else {
    send(users.get(match[1]), `DM ${socket.username} ${match[2]}`);
  }
}

function handle(socket, line) {
  const space = line.indexOf(' ');
  const command = space < 0 ? line : line.slice(0, space);
  const rest = space < 0 ? '' : line.slice(space + 1);
  if (line === '') {
    return;
  }
  if (!socket.username) {
    if (command === 'LOGIN') {
      login(socket, rest);
    } else {
      send(socket, 'ERR must-login-first');
    }
    return;
  }
  switch (command) {
    case 'MSG':
      if (rest) {
        broadcast(`MSG ${socket.username} ${rest}`, socket);
      } else {
        send(socket, 'ERR unknown-command');
      }
      break;
    case 'DM':
      directMessage(socket, rest);
      break;
    case 'WHO':
      send(socket, 'USERS ' + [...users.keys()].join(', '));
      break;
    case 'PING':
      send(socket, 'PONG');
      break;
    default:
      send(socket, 'ERR unknown-command');
  }
}

const server = net.createServer((socket) => {
  let buffer = '';
  socket.setEncoding('utf8');
  socket.setNoDelay(true);
  socket.setTimeout(idleSeconds * 1000, () => {
    send(socket, 'INFO idle-timeout');
    socket.end();
  });
  socket.on('data', (text) => {
    buffer += text;
    let end;
    while ((end = buffer.indexOf('\n')) >= 0) {
      handle(socket, buffer.slice(0, end).trimEnd());
      buffer = buffer.slice(end + 1);
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    if (socket.username) {
      users.delete(socket.username);
      broadcast(`INFO ${socket.username} disconnected`);
    }
  });
});

server.listen(port, '127.0.0.1', () => {
  console.log(`lobby listens on 127.0.0.1:${server.address().port}`);
});
