import ArgumentParser
import RewardServer

/// `rahf keygen`: a CURVE key pair for a server or a client.
struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a CURVE key pair: NAME.key for everyone, NAME.key_secret for its owner.",
        discussion: """
            A server takes its own with 'rahf serve --curve-secret server.key_secret'. A client takes the server's \
            public and its own secret file: --curve-server server.key --curve-secret alice.key_secret. Standard output is \
            the line that lets the client in: append it to the server's --curve-clients.
            """)

    @Option(help: "Where the files lie, without their extensions.")
    var out: String

    func run() throws {
        let key = try CurveFile.generate(at: out)
        writeError("\(out).key: the public key\n\(out).key_secret: both keys; keep it to yourself")
        print("\(key) \(out.split(separator: "/").last ?? "")")
    }
}

/// The options of commands that ask an encrypted server.
struct ClientSecurityOptions: ParsableArguments {
    @Option(help: "The public key file (NAME.key) of an encrypted server.")
    var curveServer: String?
    @Option(help: "This client's own NAME.key_secret, for servers that let only some in.")
    var curveSecret: String?

    func validate() throws {
        guard curveSecret == nil || curveServer != nil else {
            throw ValidationError("--curve-secret needs --curve-server")
        }
    }

    func load() throws -> ClientSecurity? {
        guard let curveServer else { return nil }
        return try ClientSecurity(serverFile: curveServer, secretFile: curveSecret)
    }
}
