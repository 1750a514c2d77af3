// A chat server for colourful terminals: a banner, a prompt, green for yes, red for no, and a list in one line.
//
//     node palette.js [PORT] [IDLE_SECONDS]

const net = require('net');

const GREEN = '\x1b[32m';
const RED = '\x1b[31m';
const BOLD = '\x1b[1m';
const OFF = '\x1b[0m';
const PROMPT = '> ';

const port = Number(process.argv[2] || 4000);
const idleSeconds = Number(process.argv[3] || 60);
const clients = new Map();

function print(socket, text) {
  if (socket.writable) socket.write(`${text}\n`);
}

function refuse(socket, why) {
  print(socket, `${RED}ERROR: ${why}${OFF}`);
}

function printToOthers(name, text) {
  for (const [other, socket] of clients) {
    if (other !== name) print(socket, text);
  }
}

// Gives the name with which the client is in.
function login(socket, name) {
  if (!/^[^\s|]{1,20}$/u.test(name)) {
    refuse(socket, 'a name has 1 to 20 letters and no blanks');
    return null;
  }
  if (clients.has(name)) {
    refuse(socket, 'somebody else has this name');
    return null;
  }
  clients.set(name, socket);
  print(socket, `${GREEN}OK${OFF}`);
  printToOthers(name, `* ${name} has entered the chat`);
  return name;
}

function say(socket, name, text) {
  if (text.trim() === '') {
    refuse(socket, 'say what?');
  } else {
    printToOthers(name, `MSG ${BOLD}${name}${OFF} ${text}`);
  }
}

function whisper(socket, name, rest) {
  const space = rest.indexOf(' ');
  const to = rest.slice(0, Math.max(space, 0));
  const text = rest.slice(space + 1);
  if (to === '' || text.trim() === '') {
    refuse(socket, 'the form is DM <user> <text>');
  } else if (!clients.has(to)) {
    refuse(socket, 'there is nobody of this name');
  } else {
    print(clients.get(to), `DM ${BOLD}${name}${OFF} ${text}`);
  }
}

function obey(socket, name, line) {
  const [, word, rest] = /^(\S*) ?(.*)$/s.exec(line);
  if (name === null) {
    if (word === 'LOGIN') return login(socket, rest);
    refuse(socket, 'please log in first');
  } else if (word === 'MSG') {
    say(socket, name, rest);
  } else if (word === 'DM') {
    whisper(socket, name, rest);
  } else if (line === 'WHO') {
    print(socket, `${clients.size} online: ${[...clients.keys()].join(', ')}`);
  } else if (line === 'PING') {
    print(socket, 'PONG');
  } else {
    refuse(socket, 'there is no such command');
  }
  return name;
}

async function serve(socket) {
  let name = null;
  let held = '';
  socket.setEncoding('utf8');
  socket.setTimeout(idleSeconds * 1000, () => socket.end('INFO idle-timeout\n'));
  print(socket, `${BOLD}This is palette. Have fun!${OFF}`);
  socket.write(PROMPT);
  try {
    for await (const text of socket) {
      const lines = (held + text).split('\n');
      held = lines.pop();
      for (const line of lines) {
        name = obey(socket, name, line.replace(/\r$/, ''));
        if (socket.writable) socket.write(PROMPT);
      }
    }
  } catch (error) {
    // The connection was cut.
  }
  if (name !== null) {
    clients.delete(name);
    printToOthers(name, `INFO ${name} disconnected`);
  }
}

const server = net.createServer(serve);
server.listen(port, '127.0.0.1', () => console.log(`palette: 127.0.0.1:${server.address().port}`));
