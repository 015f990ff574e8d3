/** The small programs that stand in front of the real ones in a sandbox and pass their words on. */

/** Programs of firewalls, and what else firewall scripts call that would touch the machine. */
export const shimmedNames: readonly string[] = [
  ...['', '-save', '-restore'].flatMap((rest) =>
    ['iptables', 'ip6tables'].flatMap((name) =>
      ['', '-legacy', '-nft'].map((kind) => `${name}${kind}${rest}`),
    ),
  ),
  'ipset',
  'nft',
  'modprobe',
  'insmod',
  'rmmod',
  'depmod',
  'sysctl',
  'service',
  'systemctl',
  'invoke-rc.d',
  'rc-service',
  'chkconfig',
  'update-rc.d',
  'netfilter-persistent',
  'wget',
  'curl',
]

/** Of these the words tell that standard input is part of the call. */
const readsInput = `case "\${0##*/}" in *-restore*) has_input=1;; ipset) case " $* " in *" restore "*|*" -R "*|*" - "*) has_input=1;; esac;; esac`

/** A service that loads the rules which Red Hat's systems keep in a file when it begins. */
const startsRules = `case "\${0##*/} $*" in
  "service iptables "*start|"systemctl "*start" iptables"*) saved=iptables;;
  "service ip6tables "*start|"systemctl "*start" ip6tables"*) saved=ip6tables;;
  *) saved=;;
esac
if [ -n "$saved" ] && [ -f "/etc/sysconfig/$saved" ]; then "$saved-restore" < "/etc/sysconfig/$saved" || code=$?; fi`

/** Fifos for answers that are made beforehand; that many calls can wait at once without making one. */
export const answerSlots = 16
const slots = Array.from({ length: answerSlots }, (_, at) => at + 1).join(' ')

/**
 * The text of a shim: words, folder and input become files of the exchange folder, one line in its fifo names them,
 * and the answer comes back through a fifo of the call's own.
 *
 * A call takes the first free slot: who makes the file of its claim has it (`true`, for a special builtin would end
 * the shell). Where all are taken it makes a fifo by itself, which takes a process more.
 */
export const shimText = (folder: string): string => `#!/bin/sh
d='${folder}'
call=
set -C
for slot in ${slots}; do
  if { true > "$d/claim.$slot"; } 2>/dev/null; then call=$slot; break; fi
done
set +C
if [ -z "$call" ]; then
  call="p$$"
  while [ -e "$d/words.$call" ]; do call="$call-$$"; done
  mkfifo "$d/answer.$call" || exit 4
fi
has_input=0
${readsInput}
if [ $has_input = 1 ]; then cat > "$d/input.$call"; fi
printf '%s\\0' "\${0##*/}" "$PWD" "$@" > "$d/words.$call"
echo "$call" > "$d/calls"
read code has_out has_err < "$d/answer.$call"
if [ "$has_out" = 1 ]; then cat "$d/out.$call"; fi
if [ "$has_err" = 1 ]; then cat "$d/err.$call" >&2; fi
echo "done $call" > "$d/calls"
${startsRules}
exit "\${code:-4}"
`

/** Scripts of init that stand for a service. */
export const initScripts: readonly string[] = ['iptables', 'ip6tables']

export const initScriptText = (name: string): string => `#!/bin/sh\nexec service ${name} "$@"\n`

/**
 * The script that turns the new namespaces into the sandbox and then runs what it is given: files that are written
 * below the usual folders go to a layer that is thrown away, the shims stand where the programs would, `root` (or '')
 * holds files that are to be found at their place, and /proc/sys is a copy.
 */
export const enterText = (folder: string, root: string): string => `set -e
d='${folder}'
root='${root.replaceAll("'", "'\\''")}'
mount -t tmpfs tmpfs "$d/layers"
x=userxattr
[ -e "$d/with-user-namespace" ] || x=
layer() { # the folder, and where its shims are
  lower="$1"
  if [ -n "$2" ]; then lower="$2:$lower"; fi
  if [ -n "$root" ] && [ -d "$root$1" ]; then lower="$root$1:$lower"; fi
  mkdir -p "$d/layers/up$1" "$d/layers/work$1"
  mount -t overlay overlay -o "lowerdir=$lower,upperdir=$d/layers/up$1,workdir=$d/layers/work$1\${x:+,$x}" "$1"
}
layer /etc "$d/shims/etc"
layer /usr "$d/shims/usr"
for each in bin sbin; do if [ ! -L "/$each" ]; then layer "/$each" "$d/shims/usr/$each"; fi; done
for each in var root opt srv; do if [ -d "/$each" ]; then layer "/$each" ""; fi; done
mount --bind "$d/sys" /proc/sys
set +e
"$@"
status=$?
(cd "$d/layers/up" && find . -type f) > "$d/written" 2>/dev/null
exit $status
`
