/** What is kept of a connection that a SYN proxy opened in its client's name (`struct nf_conn_synproxy`). */
export class ProxiedConnection {
  /** The cookie: where the client believes that the server's sequence numbers begin. */
  cookie = 0
  /** The timestamp that the client was given in the server's place. */
  timestamp = 0
  /** How far the server's clock is ahead of that. */
  clockOffset = 0
}
