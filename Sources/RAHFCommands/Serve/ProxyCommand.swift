import ArgumentParser
import Glibc
import Logging
import RewardServer

/// `rahf proxy`: several servers behind one address.
struct ProxyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "Put several servers behind one address.",
        discussion: """
            Requests are dealt to the servers in turn. What a dead server had is asked for again by its client and goes \
            to a live one. CANCEL does not pass: it would meet another server. SIGTERM and SIGINT end it at once; clients ask again.
            """)

    @Option(help: "Where clients connect: tcp://HOST:PORT or ipc://PATH, also several times.")
    var bind: [String] = ["tcp://127.0.0.1:5555"]
    @Option(help: "A server, as tcp://HOST:PORT or ipc://PATH. Several times for several.")
    var server: [String]
    @Flag(help: "Allow addresses that other machines can reach without encryption: anyone may ask and listen in.")
    var insecure = false
    @Option(help: "Encrypt towards clients: the proxy's NAME.key_secret.")
    var curveSecret: String?
    @Option(help: "The public keys that may connect, one a line with a name.")
    var curveClients: String?
    @Option(help: "The public key file (NAME.key) of the servers, which have one key.")
    var serversKey: String?
    @Option(help: "The proxy's NAME.key_secret towards the servers. The default is --curve-secret.")
    var serversSecret: String?
    @Option(help: "Largest message in MiB.")
    var maxMessage = 256
    @Option(help: "trace, debug, info, notice, warning or error.")
    var logLevel = "info"

    func validate() throws {
        guard curveClients == nil || curveSecret != nil else {
            throw ValidationError("--curve-clients needs --curve-secret")
        }
        guard !server.isEmpty, server.allSatisfy({ $0.hasPrefix("tcp://") || $0.hasPrefix("ipc://") }) else {
            throw ValidationError("--server takes tcp://HOST:PORT or ipc://PATH")
        }
        guard (1...2047).contains(maxMessage) else { throw ValidationError("--max-message is not in 1...2047") }
        _ = try ServeLog.level(logLevel)
        _ = try addresses()
    }

    func run() throws {
        let log = try ServeLog.start("rahf.proxy", level: logLevel)
        let target = SignalTarget<Proxy>()
        var hangUp: (@Sendable () -> Void)?
        if curveClients != nil { hangUp = { target.with { $0.reloadClients() } } }
        TerminationSignals.take(hangUp: hangUp) { name in
            log.notice("\(name)")
            target.end { $0.stop() }
        }
        var configuration = Proxy.Configuration(addresses: try addresses(), servers: server)
        configuration.maxMessageBytes = maxMessage << 20
        configuration.security = try curveSecret.map { secret in
            try ServerSecurity(secretFile: secret, clientsFile: curveClients)
        }
        configuration.serverSecurity = try serversKey.map { key in
            try ClientSecurity(serverFile: key, secretFile: serversSecret ?? curveSecret)
        }
        FileDescriptors.raiseLimit()
        let proxy = try Proxy(configuration, log: log)
        target.set(proxy) { $0.stop() }
        try proxy.run { endpoints in
            for endpoint in endpoints { log.notice("listening", metadata: ["endpoint": "\(endpoint)"]) }
        }
        log.notice("ended")
    }

    private func addresses() throws -> [BindAddress] {
        try ServeLog.addresses(bind, encrypted: curveSecret != nil, insecure: insecure)
    }
}
