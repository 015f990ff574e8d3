/** The pages of the auth port: no script, no picture, nothing from elsewhere. */
import { createHash } from 'node:crypto'

const style = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}
main{width:min(22rem,90vw);padding:2rem 0}
h1{font-size:1.4rem;margin:0 0 1.2rem;font-weight:600}
label{display:block;margin:.9rem 0 .2rem;font-size:.9rem}
input,button{box-sizing:border-box;width:100%;padding:.6rem .7rem;font:inherit;border-radius:.4rem;border:1px solid GrayText}
input{background:Field;color:FieldText}
button{margin-top:1.4rem;background:#1f5fae;border-color:#1f5fae;color:#fff;font-weight:600;cursor:pointer}
button:focus-visible,input:focus-visible{outline:3px solid #5aa2ff;outline-offset:1px}
p.bad{padding:.6rem .8rem;border-left:4px solid #c33;background:color-mix(in srgb,#c33 12%,Canvas)}
p.good{padding:.6rem .8rem;border-left:4px solid #2a8a4a;background:color-mix(in srgb,#2a8a4a 12%,Canvas)}
small{color:GrayText}`

/** What the content security policy allows, and nothing else. */
export const styleSource = `'sha256-${createHash('sha256').update(style).digest('base64')}'`

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escaped = (text: string): string => text.replace(/[&<>"']/g, (letter) => escapes[letter]!)

const page = (title: string, body: string): string =>
  `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escaped(title)}</title><style>${style}</style></head>
<body><main><h1>${escaped(title)}</h1>
${body}
</main></body></html>
`

export interface LoginPage {
  readonly title: string
  readonly formToken: string
  readonly address: string
  readonly complaint: string | null
}

export const loginPage = ({ title, formToken, address, complaint }: LoginPage): string =>
  page(
    title,
    `${complaint === null ? '' : `<p class="bad" role="alert">${escaped(complaint)}</p>`}
<form method="post" action="/login">
<input type="hidden" name="form" value="${escaped(formToken)}">
<label for="user">Name</label><input id="user" name="user" autocomplete="username" autocapitalize="none" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<label for="code">Code <small>(if you have one)</small></label><input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="6">
<button>Open</button></form>
<p><small>It opens for ${escaped(address)}, and for who else comes from there.</small></p>`,
  )

export interface OpenPage {
  readonly title: string
  readonly formToken: string
  readonly user: string
  readonly address: string
  readonly endsAtMs: number
  readonly nowMs: number
}

export const openPage = ({ title, formToken, user, address, endsAtMs, nowMs }: OpenPage): string =>
  page(
    title,
    `<p class="good" role="status">Open for ${escaped(address)}, ${spanInWords(endsAtMs - nowMs)} more.</p>
<p>Signed in as ${escaped(user)}.</p>
<form method="post" action="/logout"><input type="hidden" name="form" value="${escaped(formToken)}"><button>Close again</button></form>`,
  )

export const messagePage = (title: string, message: string): string =>
  page(title, `<p class="bad" role="alert">${escaped(message)}</p>\n<p><a href="/">Back</a></p>`)

/** `59 minutes`, `2 hours`. */
export function spanInWords(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000))
  const [count, unit] = minutes < 120 ? [minutes, 'minute'] : [Math.round(minutes / 60), 'hour']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
