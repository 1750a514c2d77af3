// The protocol `web` in Node without packages: one room, no accounts, no history. It says `hello` to whoever opens the
// socket, and refuses what it has not with `unknown-command`.
//
//     node websy.js [PORT]
const http = require('http')
const crypto = require('crypto')

const members = new Map() // name -> client
let count = 0

const server = http.createServer((request, response) => {
  response.writeHead(request.url === '/chat' ? 426 : 404)
  response.end()
})

function frame (opcode, data) {
  data = Buffer.from(data)
  let head
  if (data.length < 126) head = Buffer.from([0x80 | opcode, data.length])
  else if (data.length < 65536) { head = Buffer.alloc(4); head[0] = 0x80 | opcode; head[1] = 126; head.writeUInt16BE(data.length, 2) } else { head = Buffer.alloc(10); head[0] = 0x80 | opcode; head[1] = 127; head.writeBigUInt64BE(BigInt(data.length), 2) }
  return Buffer.concat([head, data])
}

class Client {
  constructor (socket) {
    this.socket = socket
    this.data = Buffer.alloc(0)
    this.parts = null
    this.name = null
    this.open = true
  }

  send (object) {
    if (this.open) this.socket.write(frame(1, JSON.stringify(object)))
  }

  close (code, why) {
    if (!this.open) return
    if (why) this.send({ on: 'bye', why, text: why })
    const body = Buffer.alloc(2)
    body.writeUInt16BE(code)
    this.socket.end(frame(8, body))
    this.gone()
  }

  gone () {
    if (!this.open) return
    this.open = false
    if (this.name) {
      members.delete(this.name)
      tell({ on: 'left', room: '#lobby', name: this.name })
    }
  }

  feed (data) {
    this.data = Buffer.concat([this.data, data])
    while (this.open && this.data.length >= 2) {
      const first = this.data[0]
      const second = this.data[1]
      const opcode = first & 15
      let length = second & 127
      let at = 2
      if (first & 0x70 || !(second & 128)) return this.close(1002, 'broken')
      if (length === 126) {
        if (this.data.length < 4) return
        length = this.data.readUInt16BE(2); at = 4
        if (length < 126) return this.close(1002, 'broken')
      } else if (length === 127) {
        if (this.data.length < 10) return
        length = Number(this.data.readBigUInt64BE(2)); at = 10
        if (length < 65536) return this.close(1002, 'broken')
      }
      if (length > 65536) return this.close(1009, 'too-long')
      if (opcode > 7 && (length > 125 || !(first & 128))) return this.close(1002, 'broken')
      if (this.data.length < at + 4 + length) return
      const mask = this.data.subarray(at, at + 4)
      const body = Buffer.from(this.data.subarray(at + 4, at + 4 + length))
      for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3]
      this.data = this.data.subarray(at + 4 + length)
      this.onFrame(opcode, !!(first & 128), body)
    }
  }

  onFrame (opcode, last, body) {
    if (opcode === 8) {
      if (body.length === 1) return this.close(1002, 'broken')
      return this.close(1000)
    }
    if (opcode === 9) return this.socket.write(frame(10, body))
    if (opcode === 10) return
    if (opcode > 2) return this.close(1002, 'broken')
    if (opcode === 2) return this.close(1003, 'broken')
    if ((opcode === 0) !== (this.parts !== null)) return this.close(1002, 'broken')
    this.parts = [...(this.parts || []), body]
    if (this.parts.reduce((sum, one) => sum + one.length, 0) > 65536) return this.close(1009, 'too-long')
    if (!last) return
    const whole = Buffer.concat(this.parts)
    this.parts = null
    let text
    try {
      text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(whole)
    } catch (error) { return this.close(1007, 'not-utf8') }
    this.onText(text)
  }

  onText (text) {
    let request
    try { request = JSON.parse(text) } catch (error) { }
    if (typeof request !== 'object' || request === null || Array.isArray(request)) return this.no({}, 'bad-form')
    for (const key of Object.keys(request)) if (request[key] === null) delete request[key]
    if ('id' in request && (typeof request.id !== 'string' || request.id.length > 64)) return this.no({}, 'bad-form')
    if (typeof request.do !== 'string') return this.no(request, 'bad-form')
    const known = ['hello', 'login', 'ping', 'say', 'whisper', 'who']
    if (!this.name && !['hello', 'login', 'ping'].includes(request.do)) {
      return this.no(request, request.do === 'register' ? 'registration-closed' : 'must-login')
    }
    if (!known.includes(request.do)) return this.no(request, 'unknown-command')
    this['do_' + request.do](request)
  }

  answer (request, object) {
    this.send('id' in request ? { id: request.id, ...object } : object)
  }

  no (request, why) { this.answer(request, { on: 'no', why, text: 'That cannot be done: ' + why + '.' }) }

  do_hello (request) {
    if (this.name) return this.no(request, 'already-in')
    this.answer(request, { on: 'hello', server: 'websy 1', run: 'r' + process.pid, limits: { text: 16384, register: false, guests: true, file: 0 }, motd: '' })
    if (request.session) this.no({}, 'no-session')
  }

  do_login (request) {
    if (this.name) return this.no(request, 'already-in')
    if (typeof request.name !== 'string' || ('password' in request && typeof request.password !== 'string')) return this.no(request, 'bad-form')
    if (!/^[^\s|#&/][^\s|]{0,31}$/.test(request.name)) return this.no(request, 'invalid-name')
    if (members.has(request.name)) return this.no(request, 'name-taken')
    if (request.password) return this.no(request, 'no-password')
    this.name = request.name
    this.answer(request, { on: 'welcome', name: this.name, account: false, session: crypto.randomBytes(16).toString('hex'), me: count, read: {} })
    tell({ on: 'joined', room: '#lobby', name: this.name }, this)
    members.set(this.name, this)
  }

  do_ping (request) { this.answer(request, { on: 'pong' }) }

  message (request) {
    if (typeof request.text !== 'string' || ('tag' in request && (typeof request.tag !== 'string' || request.tag.length > 64))) { this.no(request, 'bad-form'); return null }
    if (Buffer.byteLength(request.text) > 16384) { this.no(request, 'text-too-long'); return null }
    return { n: count + 1, by: this.name, at: Math.floor(Date.now() / 1000), text: request.text }
  }

  do_say (request) {
    if ('room' in request && request.room !== '#lobby') return this.no(request, typeof request.room === 'string' ? 'not-in-room' : 'bad-form')
    const message = this.message(request)
    if (!message) return
    count++
    this.answer(request, { on: 'done', n: message.n, at: message.at })
    tell({ on: 'said', room: '#lobby', ...message }, this)
  }

  do_whisper (request) {
    if (typeof request.to !== 'string') return this.no(request, 'bad-form')
    const message = this.message(request)
    if (!message) return
    if (!members.has(request.to)) return this.no(request, 'nobody')
    count++
    this.answer(request, { on: 'done', n: message.n, at: message.at })
    members.get(request.to).send({ on: 'whispered', to: request.to, ...message })
  }

  do_who (request) { this.answer(request, { on: 'who', room: '#lobby', names: [...members.keys()] }) }
}

function tell (object, but) {
  for (const one of members.values()) if (one !== but) one.send(object)
}

server.on('upgrade', (request, socket, head) => {
  const refuse = (status) => socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  const key = request.headers['sec-websocket-key'] || ''
  const offers = (request.headers['sec-websocket-protocol'] || '').split(',').map(one => one.trim()).filter(one => one)
  const origin = request.headers.origin
  if (request.url !== '/chat') return refuse('404 Not Found')
  if ((request.headers.upgrade || '').toLowerCase() !== 'websocket' || request.headers['sec-websocket-version'] !== '13') return refuse('426 Upgrade Required')
  if (Buffer.from(key, 'base64').length !== 16) return refuse('400 Bad Request')
  if (origin && origin.replace(/^\w+:\/\//, '') !== request.headers.host) return refuse('403 Forbidden')
  if (offers.length && !offers.includes('parley.1')) return refuse('400 Bad Request')
  const accept = crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n${offers.length ? 'Sec-WebSocket-Protocol: parley.1\r\n' : ''}\r\n`)
  socket.setNoDelay(true)
  const client = new Client(socket)
  client.send({ on: 'hello', server: 'websy 1', run: 'r' + process.pid, limits: { text: 16384, register: false, guests: true, file: 0 }, motd: '' })
  socket.on('data', data => client.feed(data))
  socket.on('error', () => client.gone())
  socket.on('end', () => { client.gone(); socket.end() })
  socket.on('close', () => client.gone())
  if (head.length) client.feed(head)
})

server.listen(Number(process.argv[2] || 8000), '127.0.0.1', () => console.log('websy on port ' + server.address().port))
