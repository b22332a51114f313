/// One JSON object as a line, keys in the order given.
package struct JSONRow {
    private var text = "{"

    package init() {}

    package mutating func add(_ name: String, _ value: String) {
        key(name)
        Self.quote(value, into: &text)
    }

    package mutating func add(_ name: String, _ value: Int) {
        key(name)
        text += "\(value)"
    }

    /// A finite number.
    package mutating func add(_ name: String, _ value: Double) {
        key(name)
        text += "\(value)"
    }

    package mutating func add(_ name: String, _ value: JSONRow) {
        key(name)
        text += value.object
    }

    package var object: String { text + "}" }
    package var line: String { text + "}\n" }

    private mutating func key(_ name: String) {
        if text.utf8.count > 1 { text += "," }
        Self.quote(name, into: &text)
        text += ":"
    }

    private static func quote(_ value: String, into text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension CandidateLine {
    /// The line as a list has it; scores only where there are any.
    package var json: String {
        var row = JSONRow()
        row.add("prompt", prompt)
        row.add("image", image)
        if let group { row.add("group", group) }
        if (0..<4).contains(where: { !scores[$0].isNaN }) {
            var object = JSONRow()
            for (index, name) in scoreNames.enumerated() where !scores[index].isNaN { object.add(name, scores[index]) }
            row.add("scores", object)
        }
        if let place {
            var object = JSONRow()
            object.add("shard", place.shard)
            object.add("offset", place.offset)
            object.add("size", place.size)
            row.add("place", object)
        }
        return row.line
    }
}
