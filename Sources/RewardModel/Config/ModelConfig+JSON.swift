import FoundationEssentials

extension ModelConfig {
    /// Reads `config.json` and checks its values.
    package static func decode(_ bytes: [UInt8], path: String) throws(WeightsError) -> ModelConfig {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let config: ModelConfig
        do {
            config = try decoder.decode(ModelConfig.self, from: Data(bytes))
        } catch { throw .invalidConfig(path: path, reason: "\(error)") }
        if let reason = config.fault { throw .invalidConfig(path: path, reason: reason) }
        return config
    }

    /// `config.json`, pretty and with sorted keys: the same configuration gives the same bytes.
    package func encoded() throws(WeightsError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(self)) + [0x0a]
        } catch { throw .invalidConfig(path: "config.json", reason: "\(error)") }
    }
}
