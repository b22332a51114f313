public import Testing

/// Expects two arrays to agree, element by element, and reports the worst one when they do not.
///
/// An element passes when `|actual - expected| <= absolute + relative * |expected|`. NaN never passes.
public func expectClose(
    _ actual: [Float], _ expected: [Float], absolute: Float, relative: Float = 0, _ label: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard actual.count == expected.count else {
        Issue.record("\(label): \(actual.count) elements, expected \(expected.count)", sourceLocation: sourceLocation)
        return
    }
    var worst = -1
    var worstExcess: Float = 0
    for index in actual.indices {
        let allowed = absolute + relative * expected[index].magnitude
        let difference = (actual[index] - expected[index]).magnitude
        let excess = difference <= allowed ? 0 : (difference.isNaN ? .infinity : difference - allowed)
        if excess > worstExcess {
            worst = index
            worstExcess = excess
        }
    }
    if worst >= 0 {
        Issue.record(
            """
            \(label): element \(worst) of \(actual.count) is \(actual[worst]), expected \(expected[worst]) \
            (allowed ±\(absolute) ± \(relative) of it)
            """, sourceLocation: sourceLocation)
    }
}
