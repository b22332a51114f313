/// How a proxy calls itself towards servers: a name that says that its own clients' names stand behind it.
enum ProxyName {
    /// Proxies behind proxies that a server looks through.
    static let mostHops = 4

    private static let prefix = Array("rahf-proxy/".utf8)

    /// A name nobody else has, 27 bytes.
    static func make() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return prefix + (0..<2).flatMap { _ in withUnsafeBytes(of: generator.next() as UInt64, Array.init) }
    }

    static func isProxy(_ name: [UInt8]) -> Bool { name.count == prefix.count + 16 && name.starts(with: prefix) }
}
