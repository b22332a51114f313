/// A JSON value with its keys in the order they were given: scripts and people read the same lines.
enum JSON {
    case string(String)
    case number(Float)
    case integer(Int)
    case bool(Bool)
    case array([JSON])
    case object([(String, JSON)])
    case null

    /// One line of text. Numbers are the shortest that read back to the same bits; they are finite by construction.
    var text: String {
        switch self {
        case .string(let value): Self.quoted(value)
        case .number(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .bool(let value): "\(value)"
        case .null: "null"
        case .array(let values): "[\(values.map(\.text).joined(separator: ","))]"
        case .object(let pairs): "{\(pairs.map { "\(Self.quoted($0)):\($1.text)" }.joined(separator: ","))}"
        }
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
