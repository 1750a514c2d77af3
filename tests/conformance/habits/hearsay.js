// A chat server on which what is said to one user looks like what is said to all, and a proper end is not noticed.
// Words that it does not know it ignores before the login.
//
//     node hearsay.js [PORT] [IDLE_SECONDS]

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
  if (name === '' || /\s/.test(name)) {
    send(socket, 'ERR invalid-username');
  } else if (users.has(name)) {
    send(socket, 'ERR username-taken');
  } else {
    socket.username = name;
    users.set(name, socket);
    send(socket, 'OK');
  }
}

function directMessage(socket, rest) {
  const match = /^(\S+) (.+)$/s.exec(rest);
  if (!match) {
    send(socket, 'ERR invalid-dm-format');
  } else if (!users.has(match[1])) {
    send(socket, 'ERR user-not-found');
  } else {
    send(users.get(match[1]), `MSG ${socket.username} ${match[2]}`);
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
      login(socket, rest.trim());
    } else if (/^(MSG|DM|WHO)$/.test(command)) {
      send(socket, 'ERR must-login-first');
    }
  } else if (command === 'MSG' && rest) {
    broadcast(`MSG ${socket.username} ${rest}`, socket);
  } else if (command === 'DM') {
    directMessage(socket, rest);
  } else if (line === 'WHO') {
    for (const name of users.keys()) {
      send(socket, 'USER ' + name);
    }
  } else if (line === 'PING') {
    send(socket, 'PONG');
  } else {
    send(socket, 'ERR unknown-command');
  }
}

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  let buffer = '';
  socket.setNoDelay(true);
  socket.setEncoding('utf8');
  socket.setTimeout(idleSeconds * 1000, () => {
    send(socket, 'INFO idle-timeout');
    socket.destroySoon();
  });
  socket.on('data', (text) => {
    buffer += text;
    const lines = buffer.split('\n');
    buffer = lines.pop();
    for (const line of lines) {
      handle(socket, line.trim());
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    if (users.get(socket.username) === socket) {
      users.delete(socket.username);
      broadcast(`INFO ${socket.username} disconnected`);
    }
  });
});

server.listen(port, '127.0.0.1', () => {
  console.log(`hearsay listens on 127.0.0.1:${server.address().port}`);
});
