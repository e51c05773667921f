/** What the reference page says of programs. What each takes, and what of it is not modelled, its file in program/ says. */

type Row = readonly [command: string, meaning: string];

/** Programs by what a person wants; several that belong together stand in one row. */
const PROGRAM_ROWS: readonly Row[] = [
  [
    "ping HOST",
    "`-c`, `-i`, `-s`, `-t`, `-W`, `-w`, `-I`, `-q`, `-4`, `-6`; on a node, or as `iping`, that of iputils, with `-M do`, `-Q`, `-b`, too.",
  ],
  ["traceroute HOST", "`-n`, `-q`, `-m`, `-f`, `-w`, `-s`. `arping -I DEVICE ADDRESS`: asks past the neighbor table."],
  [
    "curl URL",
    "`-s`, `-v`, `-f`, `-i`, `-I`, `-o`, `-O`, `-d`, `-H`, `-X`, `-w`, `-m`, `-4`, `-6`; `http://[::1]:8080/`, too. `wget URL`: busybox'.",
  ],
  ["httpd -f -p PORT -h FOLDER", "A web server with the files of the image; scripts below `cgi-bin/`."],
  [
    "nc HOST PORT",
    "Datagrams with `-u`, `-l -p PORT` waits, `-z` only tries. `udptool`, `ltool`: what the recordings have.",
  ],
  [
    "iperf3 -c HOST",
    "A flow to `iperf3 -s`: TCP or `-u`, for seconds (`-t`), bytes (`-n`) or packets (`-k`), at a rate (`-b`), in pieces of a length (`-l`), the other way round (`-R`). Without a rate a second of TCP is a hundred thousand hops and more: `-n 1M` or `-k 100` say as much.",
  ],
  ["nslookup NAME", "Busybox'. `dig NAME`: that of bind."],
  [
    "ip …",
    "`addr`, `link`, `route`, `neigh`, `rule`, to look and to change; `-d`, `-s`, `-br`, `-j`. `-6` to look at ::1.",
  ],
  [
    "bridge fdb",
    "Forwarding entries, to look and to change. `ifconfig`, `route -n`, `arp -n`, `ss -n`, `netstat -n`: the usual views.",
  ],
  ["iptables …", "All that adds, removes and lists rules; `iptables-save -c`. `conntrack -L`, `-D`, `-F`."],
  [
    "ipvsadm …",
    "All that adds, changes and removes services and real servers; `-L` with `-c`, `--stats`, `--timeout`; `-S`, `-R`.",
  ],
  ["sysctl NAME=VALUE", "Kernel parameters of the namespace. `ethtool -K DEVICE tso off`: offloads."],
  ["cat FILE", "`/etc/resolv.conf`, `/etc/hosts`, files of the image. `hostname`."],
  [
    "sh -c 'COMMAND …'",
    "Commands one after the other, `&&`, `||`, `&`, `> FILE`, `exec`, `while true; do …; done`; no variables, pipes or other loops. A container whose command is more than that runs, and does nothing.",
  ],
  [
    "sleep DURATION",
    "`infinity`, too; as `tail -f /dev/null` it keeps a container alive. `timeout SECONDS COMMAND` ends one that takes longer. `echo`.",
  ],
  ["dnsd NAME=ADDRESS", "A name server for machines beside the swarm. `extsrv`: what recordings have there."],
];

export function programReference(): readonly string[] {
  return [
    "### Programs",
    "",
    "What `exec` and `on` run, printing what the real ones print. Each says itself which options it does not have.",
    "",
    "| Command | What it takes |",
    "| --- | --- |",
    ...PROGRAM_ROWS.map(([command, meaning]) => `| \`${command}\` | ${meaning} |`),
  ];
}
