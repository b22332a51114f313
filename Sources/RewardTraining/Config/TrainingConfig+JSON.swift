import FoundationEssentials
import RewardModel

extension TrainingConfig {
    /// Reads `train.json`: what is left out takes its default, an unknown key is an error.
    public init(json bytes: [UInt8]) throws(TrainingError) {
        do {
            let given = try JSONDecoder().decode(JSONTree.self, from: Data(bytes))
            let whole = try given.filled(from: try Self.standard(for: given))
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            self = try decoder.decode(TrainingConfig.self, from: try JSONEncoder().encode(whole))
        } catch let error as TrainingError { throw error } catch { throw .invalidConfig("\(error)") }
        if let fault { throw .invalidConfig(fault) }
    }

    /// The whole configuration, defaults included; the same values give the same bytes.
    public var json: [UInt8] {
        get throws(TrainingError) {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            do { return Array(try encoder.encode(self)) + [0x0a] } catch { throw .invalidConfig("\(error)") }
        }
    }

    /// The first contradiction among the values, or nil.
    var fault: String? {
        if stages.isEmpty { return "it has no stages" }
        let o = optimizer
        let shares = [("beta1", o.beta1), ("beta2", o.beta2), ("average_decay", o.averageDecay)]
        for (name, value) in shares where !(0..<1).contains(value) { return "\(name) is \(value), not in 0..<1" }
        if !(o.epsilon > 0) { return "epsilon is \(o.epsilon), not above 0" }
        for (name, value) in [("weight_decay", o.weightDecay), ("clip_norm", o.clipNorm)] where !(value >= 0) {
            return "\(name) is \(value)"
        }
        if checkpointEvery < 1 || validateEvery < 1 || validationItems < 1 {
            return "checkpoint_every, validate_every and validation_items are 1 or more"
        }
        return stages.lazy.compactMap { stage in stage.fault.map { "stage '\(stage.name)': \($0)" } }.first
    }
}

extension StageConfig {
    var fault: String? {
        for (name, value, least) in [
            ("steps", steps, 1), ("pairs", pairs, 0), ("singles", singles, 0), ("accumulate", accumulate, 1),
            ("warm_up", warmUp, 0), ("crop", crop ?? 16, 1), ("rehearsal_pairs", rehearsalPairs, 0),
            ("rehearsal_crop", rehearsalCrop, 1),
        ] where value < least || value > 1 << 24 {
            return "\(name) is \(value)"
        }
        if items < 1 { return "a step has no items: give pairs or singles" }
        if items > 4096 { return "\(items) items do not fit one pass; use accumulate" }
        if !(learningRate > 0 && learningRate.isFinite) { return "learning_rate is \(learningRate)" }
        if !(0...1).contains(finalFactor) { return "final_factor is \(finalFactor), not in 0...1" }
        if crop != nil, !bypassTransformers { return "crops need bypass_transformers: positions are the whole image's" }
        if crop != nil, singles > 0 || pairs == 0 { return "crops are cut from pairs: give pairs, and no singles" }
        if losses.hinge > 0, pairs == 0 { return "the hinge compares pairs: give pairs" }
        if Set(scores).count != scores.count || Set(heatmaps).count != heatmaps.count { return "a kind is named twice" }
        if rehearsalPairs > 2048 { return "\(rehearsalPairs) rehearsal pairs do not fit one pass" }
        if crop != nil, rehearsalPairs > 0 { return "crops rehearse nothing: rehearsal_pairs are for whole images" }
        if !(rehearsalWeight > 0 && rehearsalWeight.isFinite) { return "rehearsal_weight is \(rehearsalWeight)" }
        let l = losses
        let weights = [l.score, l.hinge, l.margin, l.heatmap, l.heatmapEntropy, l.positiveWeight, l.dice, l.words]
        if !weights.allSatisfy({ $0 >= 0 && $0.isFinite }) || !(l.wordPositiveWeight >= 0) {
            return "a loss weight is negative or not a number"
        }
        let a = augmentation
        if ![a.crop, a.jitter, a.grey, a.flip, a.turn, a.warp].allSatisfy({ (0...1).contains($0) }) {
            return "an augmentation's probability is outside 0...1"
        }
        return nil
    }
}

extension TrainingConfig {
    /// The defaults of a configuration with as many stages as the one given.
    fileprivate static func standard(for given: JSONTree) throws -> JSONTree {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        func tree(_ value: some Encodable) throws -> JSONTree {
            try JSONDecoder().decode(JSONTree.self, from: try encoder.encode(value))
        }
        guard case .object(var config) = try tree(TrainingConfig(stages: [])), case .object(let keys) = given,
            case .array(let stages)? = keys["stages"]
        else { throw TrainingError.invalidConfig("it is no JSON object with an array 'stages'") }
        config["name"] = .null
        config["stages"] = .array(
            try stages.map { stage in
                guard case .object(let given) = stage, given["name"] != nil, given["steps"] != nil,
                    case .object(var standard) = try tree(StageConfig(name: "", steps: 1))
                else { throw TrainingError.invalidConfig("a stage needs 'name' and 'steps'") }
                standard["crop"] = .null
                if given["crop"] != nil { standard["singles"] = .integer(0) }
                return .object(standard)
            })
        return .object(config)
    }
}

/// Any JSON value.
private indirect enum JSONTree: Codable {
    case object([String: JSONTree])
    case array([JSONTree])
    case string(String)
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case null

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let object = try? value.decode([String: JSONTree].self) {
            self = .object(object)
        } else if let array = try? value.decode([JSONTree].self) {
            self = .array(array)
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let integer = try? value.decode(Int.self) {
            self = .integer(integer)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else {
            self = .string(try value.decode(String.self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .object(let object): try container.encode(object)
        case .array(let array): try container.encode(array)
        case .string(let string): try container.encode(string)
        case .bool(let bool): try container.encode(bool)
        case .integer(let integer): try container.encode(integer)
        case .number(let number): try container.encode(number)
        case .null: try container.encodeNil()
        }
    }

    /// This value with what its objects lack taken from `standard`; a key that is not there is an error.
    func filled(from standard: JSONTree) throws -> JSONTree {
        switch (self, standard) {
        case (.object(let given), .object(var whole)):
            for (key, value) in given.sorted(by: { $0.key < $1.key }) {
                guard let known = whole[key] else { throw TrainingError.invalidConfig("'\(key)' is no key of it") }
                whole[key] = try value.filled(from: known)
            }
            return .object(whole)
        case (.array(let given), .array(let whole)) where given.count == whole.count:
            return .array(try zip(given, whole).map { try $0.filled(from: $1) })
        default: return self
        }
    }
}
