/// Text in Prometheus's exposition format, version 0.0.4.
struct Exposition {
    private(set) var text = ""

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    typealias Labels = [(name: String, value: String)]

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        counter(name, help, [([], value)])
    }

    mutating func counter(_ name: String, _ help: String, _ samples: [(labels: Labels, value: Int)]) {
        family(name, help, "counter")
        for (labels, value) in samples { sample(name, labels, "\(value)") }
    }

    mutating func counter(_ name: String, _ help: String, seconds: Double) {
        family(name, help, "counter")
        sample(name, [], "\(seconds)")
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double, _ labels: Labels = []) {
        family(name, help, "gauge")
        sample(name, labels, value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)")
    }

    mutating func histogram(_ name: String, _ help: String, _ samples: [(labels: Labels, value: Histogram)]) {
        family(name, help, "histogram")
        for (labels, histogram) in samples {
            var below = 0
            for (count, bound) in zip(histogram.counts, histogram.bounds.map { "\($0)" } + ["+Inf"]) {
                below += count
                sample("\(name)_bucket", labels + [("le", bound)], "\(below)")
            }
            sample("\(name)_sum", labels, "\(histogram.sum)")
            sample("\(name)_count", labels, "\(histogram.count)")
        }
    }

    private mutating func family(_ name: String, _ help: String, _ type: String) {
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ labels: Labels, _ value: String) {
        let list = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
        text += "\(name)\(list.isEmpty ? "" : "{\(list.joined(separator: ","))}") \(value)\n"
    }

    static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
