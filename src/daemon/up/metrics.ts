/** Numbers in Prometheus's text format, over HTTP. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metric } from './service.ts'

/** https://prometheus.io/docs/instrumenting/exposition_formats/: samples of one name together, behind its help and type. */
export function printMetrics(metrics: readonly Metric[]): string {
  const names = [...new Set(metrics.map(({ name }) => name))]
  return names
    .map((name) => {
      const samples = metrics.filter((metric) => metric.name === name)
      const { help, type } = samples[0]!
      const rows = samples.map(({ labels = {}, value }) => `${name}${printLabels(labels)} ${value}\n`)
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${rows.join('')}`
    })
    .join('')
}

function printLabels(labels: Readonly<Record<string, string>>): string {
  const words = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return words.length === 0 ? '' : `{${words.join(',')}}`
}

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

export interface MetricsServer {
  readonly port: number
  close(): void
}

/** Serves `GET /metrics`. */
export function serveMetrics(
  { address, port }: { readonly address: string; readonly port: number },
  metrics: () => readonly Metric[],
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('GET /metrics\n')
      return
    }
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
    response.end(printMetrics(metrics()))
  })
  server.maxConnections = 32
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      const { port: bound } = server.address() as AddressInfo
      resolve({ port: bound, close: () => void server.close() })
    })
  })
}
