// A chat server that takes each piece of data for a line, answers OK to everything, and tells everybody who is connected.
//
//     node chunks.js [PORT] [IDLE_SECONDS]

const net = require('net');

const sockets = new Set();

function say(socket, text) {
  if (!socket.destroyed) socket.write(`${text}\n`);
}

function sayToAll(text, from) {
  sockets.forEach((socket) => {
    if (socket !== from) say(socket, text);
  });
}

function find(name) {
  return [...sockets].find((socket) => socket.nick === name);
}

const commands = {
  MSG(socket, words) {
    sayToAll(`MSG ${socket.nick} ${words.join(' ')}`, socket);
    say(socket, 'OK');
  },
  WHO(socket) {
    const names = [...sockets].filter((one) => one.nick).map((one) => one.nick);
    names.forEach((name) => say(socket, name === socket.nick ? `USER ${name} (you)` : `USER ${name}`));
  },
  DM(socket, words) {
    const [to, ...text] = words;
    if (text.join(' ') === '') {
      say(socket, 'ERR invalid-dm-format');
    } else if (!find(to)) {
      say(socket, 'ERR user-not-found');
    } else {
      say(find(to), `DM ${socket.nick} ${text.join(' ')}`);
      say(socket, 'OK');
    }
  },
  PING(socket) {
    say(socket, 'PONG');
  },
};

const server = net.createServer((socket) => {
  sockets.add(socket);
  socket.setTimeout(1000 * (process.argv[3] || 60));

  socket.on('data', (data) => {
    const line = data.toString().trim();
    if (line === '') {
      socket.end(); // an empty line is a goodbye
      return;
    }
    const [command, ...words] = line.split(' ');
    if (command === 'LOGIN' && !socket.nick) {
      const name = words.join(' ');
      if (name === '' || /\s/.test(name)) {
        say(socket, 'ERR invalid-username');
      } else if (find(name)) {
        say(socket, 'ERR username-taken');
      } else {
        socket.nick = name;
        say(socket, 'OK');
      }
    } else if (!socket.nick) {
      say(socket, 'ERR must-login-first');
    } else if (Object.prototype.hasOwnProperty.call(commands, command)) {
      commands[command](socket, words);
    } else {
      say(socket, 'ERR unknown-command');
    }
  });

  socket.on('timeout', () => {
    socket.end('INFO idle-timeout\n');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    sockets.delete(socket);
    sayToAll(`INFO ${socket.nick || 'a guest'} disconnected`, socket);
  });
});

server.listen(process.argv[2] || 4000, '127.0.0.1', () => {
  console.log('chunks: listening on port', server.address().port);
});
