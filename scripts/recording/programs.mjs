// Real servers on the machines of a network, with configurations of their own in a folder that the caller removes:
// nginx, OpenSSH's sshd with throw-away keys, and vsftpd for anonymous readers.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Serves the files below `folder`/www at port 80. */
export async function startNginx(network, machine, folder, files) {
  const root = makeFolder(folder, 'www')
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content)
  const config = join(folder, 'nginx.conf')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ')
  writeFileSync(
    config,
    `daemon off; user root; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
     events {}
     http { access_log off; ${temporary} server { listen 0.0.0.0:80; root ${root}; } }`,
  )
  network.spawn(machine, ['nginx', '-p', folder, '-c', config, '-e', 'stderr'])
  await waitForPort(network, machine, 80)
}

/** Lets root in by the key `folder`/key, at port 22. */
export async function startSshd(network, machine, folder) {
  makeFolder(folder, '.')
  for (const name of ['host-key', 'key']) {
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
  }
  const config = join(folder, 'sshd_config')
  writeFileSync(
    config,
    `HostKey ${folder}/host-key\nAuthorizedKeysFile ${folder}/key.pub\nPidFile none\nUsePAM no\nUseDNS no
     StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPort 22\n`,
  )
  // Debian's sshd wants it for its unprivileged child; its service file makes it.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  await network.start(machine, ['/usr/sbin/sshd', '-D', '-e', '-f', config], 'Server listening on 0.0.0.0')
}

/** Logs in as root at an address, runs a command there, and returns what it printed. */
export const sshLogin = (network, machine, folder, address, command) =>
  network.run(
    machine,
    [
      ...['ssh', '-F', 'none', '-i', join(folder, 'key'), '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'],
      ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', `root@${address}`, command],
    ],
    { mustSucceed: true },
  )

/** Gives the files below `folder`/pub to anonymous readers, at port 21. */
export async function startVsftpd(network, machine, folder, files) {
  const root = makeFolder(folder, 'pub')
  const empty = makeFolder(folder, 'empty')
  for (const [name, content] of Object.entries(files)) writeFileSync(join(root, name), content)
  const config = join(folder, 'vsftpd.conf')
  const settings = {
    ...{ listen: 'YES', background: 'NO', anonymous_enable: 'YES', no_anon_password: 'YES', anon_root: root },
    ...{ secure_chroot_dir: empty, seccomp_sandbox: 'NO', connect_from_port_20: 'YES', xferlog_enable: 'NO' },
  }
  writeFileSync(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  network.spawn(machine, ['vsftpd', config])
  await waitForPort(network, machine, 21)
}

function makeFolder(...parts) {
  const folder = join(...parts)
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  return folder
}

async function waitForPort(network, machine, port) {
  for (let tries = 0; tries < 100; tries++) {
    if ((await network.run(machine, ['ss', '-Hltn', `sport = :${port}`])) !== '') return
    await sleep(100)
  }
  throw new Error(`nothing listens at port ${port} of ${machine}`)
}
