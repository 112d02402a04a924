"""The table of services known by name.

Lives here: names, the traffic each stands for, and what it is. Ports are those of the IANA registry or of the
protocol's own specification. May not live here: how the words are read (services.py).
"""

from __future__ import annotations

from typing import Final

#: name → (service words, what it is). A name in front of a "+" line of the reference; the order is the reference's.
SERVICES: Final[dict[str, tuple[str, str]]] = {
    # the web
    "http": ("tcp/80", "web"),
    "https": ("tcp/443", "web over TLS"),
    "quic": ("udp/443", "web over QUIC (HTTP/3)"),
    "http-alt": ("tcp/8080", "web on its second port, proxies"),
    "squid": ("tcp/3128", "Squid proxy"),
    "socks": ("tcp/1080", "SOCKS proxy"),
    # a network's own
    "dns": ("udp/53 tcp/53", "names"),
    "dns-over-tls": ("tcp/853", "names over TLS"),
    "dns-over-quic": ("udp/853", "names over QUIC"),
    "dhcp": ("udp/67", "addresses: clients to a server or relay, IPv4"),
    "dhcpv6": ("udp/547", "addresses: clients to a server or relay, IPv6"),
    "ntp": ("udp/123", "time"),
    "ping": ("icmp/echo-request icmpv6/echo-request", "is it there?"),
    "traceroute": ("udp/33434-33534", "traceroute's classic UDP probes"),
    "mdns": ("udp/5353", "names on the local link (Bonjour, Avahi)"),
    "llmnr": ("udp/5355 tcp/5355", "names on the local link (Windows)"),
    "ssdp": ("udp/1900", "UPnP discovery"),
    "ws-discovery": ("udp/3702", "discovery of printers and cameras"),
    "nat-pmp": ("udp/5351", "asking a gateway for ports (NAT-PMP, PCP)"),
    "stun": ("udp/3478 tcp/3478", "finding the outside address (STUN, TURN)"),
    "stuns": ("tcp/5349 udp/5349", "STUN and TURN over TLS and DTLS"),
    "ident": ("tcp/113", "who owns a connection"),
    "whois": ("tcp/43", "registration data"),
    # remote work
    "ssh": ("tcp/22", "secure shell, SFTP"),
    "mosh": ("udp/60000-61000", "mobile shell (begins over ssh)"),
    "telnet": ("tcp/23", "terminal in the clear"),
    "rdp": ("tcp/3389 udp/3389", "Windows remote desktop"),
    "vnc": ("tcp/5900-5909", "remote screen, displays 0 to 9"),
    "x11": ("tcp/6000-6009", "X displays 0 to 9"),
    "winrm": ("tcp/5985-5986", "Windows remote management"),
    "ipmi": ("udp/623", "server management controllers"),
    # mail and chat
    "smtp": ("tcp/25", "mail between servers"),
    "submission": ("tcp/587", "mail from clients"),
    "smtps": ("tcp/465", "mail from clients over TLS"),
    "imap": ("tcp/143", "mailboxes"),
    "imaps": ("tcp/993", "mailboxes over TLS"),
    "pop3": ("tcp/110", "mailboxes (old)"),
    "pop3s": ("tcp/995", "mailboxes (old) over TLS"),
    "sieve": ("tcp/4190", "mail filter scripts"),
    "xmpp-client": ("tcp/5222", "chat, clients"),
    "xmpp-server": ("tcp/5269", "chat, between servers"),
    "irc": ("tcp/6667", "chat; `helper: irc` follows files and chats from user to user (DCC)"),
    "ircs": ("tcp/6697", "chat over TLS"),
    # files and printing
    "ftp": ("tcp/21", "files; its data connections are followed by a helper"),
    "ftps": ("tcp/990", "files over TLS"),
    "tftp": ("udp/69", "files for booting devices; followed by a helper"),
    "rsync": ("tcp/873", "file copies"),
    "smb": ("tcp/445", "Windows shares"),
    "netbios": ("udp/137-138 tcp/139", "Windows names and shares (old)"),
    "nfs": ("tcp/2049", "Unix shares (version 4)"),
    "afp": ("tcp/548", "Apple shares"),
    "iscsi": ("tcp/3260", "disks over the network"),
    "git": ("tcp/9418", "git's own protocol"),
    "ipp": ("tcp/631", "printing"),
    "jetdirect": ("tcp/9100", "raw printing"),
    "lpd": ("tcp/515", "printing (old)"),
    # directories
    "ldap": ("tcp/389 udp/389", "directory"),
    "ldaps": ("tcp/636", "directory over TLS"),
    "kerberos": ("tcp/88 udp/88", "sign-on"),
    "kpasswd": ("tcp/464 udp/464", "sign-on: changing passwords"),
    "radius": ("udp/1812-1813", "authentication and accounting of network access"),
    "tacacs": ("tcp/49", "authentication of administrators"),
    # watching
    "snmp": ("udp/161", "asking devices"),
    "snmp-trap": ("udp/162", "devices telling"),
    "syslog": ("udp/514", "logs"),
    "syslog-tls": ("tcp/6514", "logs over TLS"),
    "netflow": ("udp/2055", "flow records"),
    "ipfix": ("udp/4739 tcp/4739", "flow records"),
    "prometheus": ("tcp/9090", "metrics server"),
    "node-exporter": ("tcp/9100", "metrics of a host"),
    # tunnels
    "wireguard": ("udp/51820", "VPN"),
    "openvpn": ("udp/1194 tcp/1194", "VPN"),
    "ipsec": ("udp/500 udp/4500 esp ah", "VPN: key exchange, NAT traversal, ESP and AH"),
    "l2tp": ("udp/1701", "VPN (usually inside ipsec)"),
    "pptp": ("tcp/1723 gre", "VPN (old)"),
    "vxlan": ("udp/4789", "layer 2 over UDP"),
    "geneve": ("udp/6081", "layer 2 over UDP"),
    # telephony and streams
    "sip": ("udp/5060 tcp/5060", "calls; their media are followed by a helper"),
    "sips": ("tcp/5061", "calls over TLS"),
    "h323": ("tcp/1720", "calls (old)"),
    "iax": ("udp/4569", "calls between exchanges"),
    "rtsp": ("tcp/554 udp/554", "streams, cameras; media over UDP are followed by a helper"),
    "rtmp": ("tcp/1935", "streams"),
    "mqtt": ("tcp/1883", "messages of devices"),
    "mqtts": ("tcp/8883", "messages of devices over TLS"),
    "coap": ("udp/5683", "requests of small devices"),
    # routing
    "bgp": ("tcp/179", "routing between networks"),
    "bfd": ("udp/3784-3785", "is the router's neighbour alive?"),
    "rip": ("udp/520", "routing (old)"),
    "vrrp": ("proto/112", "shared router addresses (VRRP, CARP)"),
    # databases
    "mysql": ("tcp/3306", "MySQL, MariaDB"),
    "postgresql": ("tcp/5432", "PostgreSQL"),
    "mssql": ("tcp/1433", "Microsoft SQL Server"),
    "oracle": ("tcp/1521", "Oracle"),
    "mongodb": ("tcp/27017", "MongoDB"),
    "redis": ("tcp/6379", "Redis, Valkey"),
    "memcached": ("tcp/11211", "memcached"),
    "elasticsearch": ("tcp/9200", "Elasticsearch, OpenSearch"),
    "amqp": ("tcp/5672", "message queues"),
    "kafka": ("tcp/9092", "message queues"),
    "etcd": ("tcp/2379-2380", "etcd"),
    "kubernetes": ("tcp/6443", "Kubernetes API"),
    # play
    "minecraft": ("tcp/25565", "Minecraft, Java edition"),
    "steam": ("udp/27015-27050 tcp/27015-27050", "Steam"),
}

#: application helpers and the IP protocols of the connections that they read, as helper/registry.py has them
HELPER_PROTOCOLS: Final = {"ftp": (6,), "irc": (6,), "pptp": (6,), "rtsp": (6,), "sip": (6, 17), "tftp": (17,)}

#: services whose further connections only a helper can foresee: name → helper. Not IRC: its helper lets anybody in.
HELPERS: Final = {"ftp": "ftp", "pptp": "pptp", "rtsp": "rtsp", "sip": "sip", "tftp": "tftp"}

#: protocols that may be written by name; those with ports also as `tcp/443`
PROTOCOLS: Final = {
    "icmp": 1,
    "igmp": 2,
    "ipip": 4,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "6in4": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "eigrp": 88,
    "ospf": 89,
    "etherip": 97,
    "pim": 103,
    "l2tpv3": 115,
    "sctp": 132,
    "udplite": 136,
}
WITH_PORTS: Final = ("tcp", "udp", "dccp", "sctp", "udplite")

#: ICMP types by name → (type, code); -1 is any code
ICMP_TYPES: Final = {
    "echo-request": (8, -1),
    "echo-reply": (0, -1),
    "destination-unreachable": (3, -1),
    "network-unreachable": (3, 0),
    "host-unreachable": (3, 1),
    "port-unreachable": (3, 3),
    "fragmentation-needed": (3, 4),
    "redirect": (5, -1),
    "router-advertisement": (9, -1),
    "router-solicitation": (10, -1),
    "time-exceeded": (11, -1),
    "parameter-problem": (12, -1),
    "timestamp-request": (13, -1),
    "timestamp-reply": (14, -1),
    "address-mask-request": (17, -1),
    "address-mask-reply": (18, -1),
}
ICMPV6_TYPES: Final = {
    "destination-unreachable": (1, -1),
    "port-unreachable": (1, 4),
    "packet-too-big": (2, -1),
    "time-exceeded": (3, -1),
    "parameter-problem": (4, -1),
    "echo-request": (128, -1),
    "echo-reply": (129, -1),
    "router-solicitation": (133, -1),
    "router-advertisement": (134, -1),
    "neighbour-solicitation": (135, -1),
    "neighbour-advertisement": (136, -1),
    "redirect": (137, -1),
    "node-information-query": (139, -1),
    "node-information-reply": (140, -1),
}
