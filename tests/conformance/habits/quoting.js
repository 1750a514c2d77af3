// A chat server that repeats what it did not understand, and does so before the login too. It has no WHO.
//
// Who ends his side of the connection is told so, like the others, or that he has not logged in.
//
//     node quoting.js [PORT] [IDLE_SECONDS]

const net = require('net');

const idle = Number(process.argv[3] || 60) * 1000;
const members = new Map();
const known = ['LOGIN', 'MSG', 'DM'];

const say = (socket, text) => socket.writable && socket.write(`${text}\n`);
const sayToAll = (text, but) => members.forEach((socket) => socket === but || say(socket, text));

function answer(socket, line) {
  const end = line.indexOf(' ');
  const [word, rest] = end < 0 ? [line, ''] : [line.slice(0, end), line.slice(end + 1)];
  if (line === 'PING') return say(socket, 'PONG');
  if (!known.includes(word) || line === 'MSG' || (word === 'LOGIN' && socket.member)) {
    return say(socket, `ERR I do not know "${line}", try something else`);
  }
  return act(socket, word, rest);
}

function act(socket, word, rest) {
  if (word === 'LOGIN') return logIn(socket, rest);
  if (!socket.member) return say(socket, 'ERR must-login-first');
  if (word === 'MSG') return sayToAll(`MSG ${socket.member} ${rest}`, socket);
  const [to, ...words] = rest.split(' ');
  if (to === '' || words.length === 0) return say(socket, 'ERR invalid-dm-format');
  return members.has(to) ? say(members.get(to), `DM ${socket.member} ${words.join(' ')}`)
    : say(socket, `ERR "${to}" is not among us`);
}

function logIn(socket, name) {
  if (name === '' || name.includes(' ')) return say(socket, 'ERR invalid-username');
  if (members.has(name)) return say(socket, 'ERR username-taken');
  socket.member = name;
  members.set(name, socket);
  return say(socket, 'OK');
}

function leave(socket) {
  if (!socket.member || members.get(socket.member) !== socket) return;
  sayToAll(`INFO ${socket.member} disconnected`);
  members.delete(socket.member);
}

const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  let begun = '';
  socket.setEncoding('utf8');
  socket.setTimeout(idle, () => {
    say(socket, 'INFO idle-timeout');
    socket.end();
  });
  socket.on('data', (data) => {
    const lines = (begun + data).split('\n');
    begun = lines.pop();
    lines.map((line) => line.trimEnd()).filter(Boolean).forEach((line) => answer(socket, line));
  });
  socket.on('end', () => {
    if (!socket.member) say(socket, 'ERR you did not log in');
    leave(socket);
    socket.end();
  });
  socket.on('error', () => {});
  socket.on('close', () => leave(socket));
});

server.listen(Number(process.argv[2] || 4000), '127.0.0.1', () => console.log(`listening on port ${server.address().port}`));
