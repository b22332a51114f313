/// What is written about a photograph.
package struct Caption: Sendable, Codable, Equatable {
    /// The picture's file in the same folder.
    package var file: String
    /// 3 to 20 words, true of the whole photograph.
    package var caption: String
    /// A few words that name the subject, as in "a detail of …".
    package var short: String
    /// Words of the caption that can be made false.
    package var swaps: [Swap]

    package struct Swap: Sendable, Codable, Equatable {
        /// A word of the caption, as it stands there.
        package var word: String
        package var category: WordCategory
        /// Words that would be false.
        package var instead: [String]
        /// Where the picture shows what the word says; missing when it is all over.
        package var region: Region?
    }

    /// An ellipse, written `[x, y, halfWidth, halfHeight]` in shares of the photograph's width and height.
    package struct Region: Sendable, Equatable {
        package var x: Float
        package var y: Float
        package var halfWidth: Float
        package var halfHeight: Float
    }
}

extension Caption.Region: Codable {
    package init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        x = try values.decode(Float.self)
        y = try values.decode(Float.self)
        halfWidth = try values.decode(Float.self)
        halfHeight = try values.decode(Float.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        for value in [x, y, halfWidth, halfHeight] { try values.encode(value) }
    }
}
