// Small real servers and clients, run in a machine of the recording network:
//   node services.mjs serve KIND:PORT...         until it is ended
//   node services.mjs call KIND FROM TO PORT     once
import http from 'node:http'
import net from 'node:net'

/** Greets like a database server, then answers whatever comes. */
const greeting = Buffer.from('4a0000000a382e302e333600', 'hex')

const servers = {
  echo: () => net.createServer((socket) => socket.on('error', () => {}).pipe(socket)),
  database: () =>
    net.createServer((socket) => {
      socket.on('error', () => {}).on('data', (data) => socket.write(data))
      socket.write(greeting)
    }),
  web: () =>
    http.createServer((request, response) => {
      response.setHeader('content-type', 'text/plain')
      response.end(`You asked for ${request.url}\n`)
    }),
  /** Sends its answer only when the other side has closed, in four parts. */
  late: () =>
    net.createServer({ allowHalfOpen: true }, (socket) => {
      socket
        .on('error', () => {})
        .on('end', () => sendParts(socket, 4))
        .resume()
    }),
  /** Asks back at port 113, as IRC servers do, before it says welcome. */
  irc: () =>
    net.createServer((socket) => {
      socket.on('error', () => {}).resume()
      const ident = net.connect({
        host: socket.remoteAddress,
        port: 113,
        localAddress: socket.localAddress,
        allowHalfOpen: true,
      })
      const welcome = () =>
        !socket.destroyed && socket.write(':irc.example NOTICE AUTH :*** Got ident response\r\n')
      ident
        .on('error', () => {})
        .on('data', () => ident.end())
        .on('close', welcome)
      ident.write(`${socket.remotePort}, 6667\r\n`)
    }),
  ident: () =>
    net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {}).on('end', () => socket.end())
      socket.on('data', (query) => socket.write(`${String(query).trim()} : USERID : UNIX : ada\r\n`))
    }),
}

function sendParts(socket, count) {
  if (count === 0) {
    socket.end()
    return
  }
  socket.write(`part ${5 - count}\n`)
  setTimeout(sendParts, 100, socket, count - 1)
}

const calls = {
  /** Asks, and resets the connection in the middle of the answer. */
  reset(socket) {
    socket.write('GET / HTTP/1.1\r\nHost: www.example\r\n\r\n')
    socket.once('data', () => socket.resetAndDestroy())
  },
  /** Closes its own side first and reads on. */
  half(socket) {
    socket.end('GET / HTTP/1.0\r\n\r\n')
    socket.resume()
  },
}

const [, , verb, ...args] = process.argv
if (verb === 'serve') {
  let waiting = args.length
  for (const arg of args) {
    const [kind, port] = arg.split(':')
    servers[kind]().listen(Number(port), '0.0.0.0', () => {
      waiting--
      if (waiting === 0) console.log('ready')
    })
  }
} else {
  const [kind, from, to, port] = args
  const socket = net.connect({ host: to, port: Number(port), localAddress: from, allowHalfOpen: true })
  socket.on('connect', () => calls[kind](socket))
  socket.on('error', () => {})
}
