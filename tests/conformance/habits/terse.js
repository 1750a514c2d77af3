// A chat server of few words: it answers what it understands, and nothing else.
//
//     node terse.js [PORT]

const net = require('net');

const users = {};

const tell = (socket, text) => socket.writable && socket.write(text + '\n');
const others = (name) => Object.keys(users).filter((one) => one !== name);

function onLine(socket, line) {
  const [, word, rest] = /^(\S*) ?(.*)$/s.exec(line.trim());
  if (word === 'PING') {
    tell(socket, 'PONG');
    return;
  }
  if (word === 'LOGIN') {
    if (socket.user) return;
    if (rest === '' || rest.includes(' ')) {
      tell(socket, 'ERR invalid-username');
    } else if (users[rest]) {
      tell(socket, 'ERR username-taken');
    } else {
      users[rest] = socket;
      socket.user = rest;
      tell(socket, 'OK');
    }
    return;
  }
  if (!socket.user) {
    tell(socket, 'ERR must-login-first');
    return;
  }
  if (word === 'MSG') {
    others(socket.user).forEach((name) => tell(users[name], `MSG ${socket.user} ${rest}`));
  } else if (word === 'WHO') {
    Object.keys(users).forEach((name) => tell(socket, `USER ${name}`));
  } else if (word === 'DM') {
    const [to, ...text] = rest.split(' ');
    if (users[to] && text.length) tell(users[to], `DM ${socket.user} ${text.join(' ')}`);
  }
}

const server = net.createServer((socket) => {
  let buffer = '';
  socket.setEncoding('utf8');
  socket.on('data', (data) => {
    const lines = (buffer + data).split(/\r\n|\n|\r/);
    buffer = lines.pop();
    lines.forEach((line) => onLine(socket, line));
  });
  socket.on('end', () => {
    if (buffer) onLine(socket, buffer);
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    if (!socket.user) return;
    delete users[socket.user];
    others(socket.user).forEach((name) => tell(users[name], `INFO ${socket.user} disconnected`));
  });
});

server.listen(process.argv[2] || 4000, '127.0.0.1', () => console.log(`port ${server.address().port}`));
